"""The Fréchet distance of 2 x 2,000 points in 2,048 dimensions by scipy's sqrtm, as pytorch-fid computes it. Called by
frechet.sh; leaves the points for synth."""
import os, resource, sys, time
import numpy as np, scipy, scipy.linalg

folder = sys.argv[1]
n, d = 2000, 2048
r = np.random.default_rng([0, 77])
w = r.standard_normal((d, d)) / np.sqrt(d)
x = np.maximum(r.standard_normal((n, d)) @ w + 0.3, 0).astype(np.float32)
y = np.maximum(r.standard_normal((n, d)) @ w * 1.05 + 0.35, 0).astype(np.float32)
np.save(os.path.join(folder, "x.npy"), x)
np.save(os.path.join(folder, "y.npy"), y)


def seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


cpu, wall = seconds(), time.time()
moments = [(z.mean(0), np.cov(z, rowvar=False)) for z in (x.astype(np.float64), y.astype(np.float64))]
of_moments = seconds() - cpu
(m1, s1), (m2, s2) = moments
root = scipy.linalg.sqrtm(s1 @ s2)
distance = ((m1 - m2) ** 2).sum() + np.trace(s1 + s2 - 2 * np.real(root))
print(f"scipy {scipy.__version__} sqrtm {distance:.9f}: {seconds() - cpu:.2f} CPU s ({of_moments:.2f} for the moments), {time.time() - wall:.2f} s")
