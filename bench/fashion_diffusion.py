"""Trains a tiny text-conditioned diffusion model on Fashion-MNIST, in diffusers' layout: for what `synth generate --kind
image` does from end to end.

    python3.10 -m venv venv
    venv/bin/pip install torch==1.12.1 'numpy<2' pillow transformers==4.30.2 diffusers==0.19.3 huggingface_hub==0.16.4 safetensors
    apt-get download dataset-fashion-mnist && dpkg -x dataset-fashion-mnist*.deb data
    venv/bin/python fashion_diffusion.py data/usr/share/datasets/fashion-mnist OUT     # half an hour on two cores

Leaves OUT/model, the model; OUT/real, 200 pictures of each class as OUT/real/CLASS/0001.png; and OUT/samples.png, four
pictures of each class by diffusers.
"""
import gzip, json, os, sys, time
import numpy as np, torch
import torch.nn.functional as F
from PIL import Image
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer
from transformers.models.clip.tokenization_clip import bytes_to_unicode

data, out = sys.argv[1], sys.argv[2]
os.makedirs(out, exist_ok=True)
torch.manual_seed(0)
torch.set_num_threads(2)
CLASSES = ["t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot"]
VIEWS = ["a photo of a {}", "a {}", "a {} on a black background", "a close-up of a {}", "a {} from the side"]
VAE_STEPS, STEPS = int(os.environ.get("VAE_STEPS", 900)), int(os.environ.get("STEPS", 4000))

read = lambda name, skip: np.frombuffer(gzip.open(os.path.join(data, name)).read(), np.uint8)[skip:]
pixels = read("train-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
labels = torch.from_numpy(read("train-labels-idx1-ubyte.gz", 8).astype(np.int64))
images = torch.from_numpy(np.pad(pixels, ((0, 0), (2, 2), (2, 2))).astype(np.float32) / 127.5 - 1)[:, None]

for number, name in enumerate(CLASSES):
    os.makedirs(os.path.join(out, "real", name), exist_ok=True)
    for i, at in enumerate(np.flatnonzero(labels.numpy() == number)[:200]):
        picture = ((images[at, 0].numpy() + 1) * 127.5).round().astype(np.uint8)
        Image.fromarray(np.repeat(picture[:, :, None], 3, 2)).save(os.path.join(out, "real", name, f"{i:04}.png"))

vae = AutoencoderKL(in_channels=3, out_channels=3, latent_channels=4, block_out_channels=(16, 32), norm_num_groups=8, layers_per_block=1,
                    down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2, sample_size=32)
optimizer = torch.optim.AdamW(vae.parameters(), lr=2e-3)
rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, VAE_STEPS)
begin = time.time()
for step in range(VAE_STEPS):
    x = images[torch.randint(len(images), (64,))].repeat(1, 3, 1, 1)
    found = vae.encode(x).latent_dist
    loss = F.mse_loss(vae.decode(found.sample()).sample, x) + 1e-3 * found.kl().mean() / found.mean[0].numel()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    rate.step()
    if step % 100 == 99:
        print("vae", step + 1, round(loss.item(), 4), f"{time.time() - begin:.0f} s", flush=True)
vae.eval()
with torch.no_grad():
    latents = torch.cat([vae.encode(images[i : i + 500].repeat(1, 3, 1, 1)).latent_dist.mean for i in range(0, len(images), 500)])
vae.register_to_config(scaling_factor=1 / latents.std().item())
latents = latents / latents.std()

folder = os.path.join(out, "model")
letters = list(bytes_to_unicode().values())
words = letters + [letter + "</w>" for letter in letters] + ["<|startoftext|>", "<|endoftext|>"]
os.makedirs(os.path.join(out, "tokens"), exist_ok=True)
json.dump({word: i for i, word in enumerate(words)}, open(os.path.join(out, "tokens/vocab.json"), "w"))
open(os.path.join(out, "tokens/merges.txt"), "w").write("#version: 0.2\n")
LENGTH = 48
tokenizer = CLIPTokenizer(os.path.join(out, "tokens/vocab.json"), os.path.join(out, "tokens/merges.txt"), model_max_length=LENGTH)
text = CLIPTextModel(CLIPTextConfig(vocab_size=len(words), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
                                    max_position_embeddings=LENGTH, bos_token_id=len(words) - 2, eos_token_id=2))
unet = UNet2DConditionModel(sample_size=16, in_channels=4, out_channels=4, layers_per_block=1, block_out_channels=(32, 64), norm_num_groups=8,
                            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
                            cross_attention_dim=32, attention_head_dim=4)
schedule = DDIMScheduler(num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False,
                         set_alpha_to_one=False, steps_offset=1)
prompts = [view.format(name) for name in CLASSES for view in VIEWS] + [""]
ids = tokenizer(prompts, padding="max_length", max_length=LENGTH, truncation=True, return_tensors="pt").input_ids
parameters = list(unet.parameters()) + list(text.parameters())
optimizer = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=1e-4)
rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, STEPS, pct_start=0.05)
average = [parameter.detach().clone() for parameter in parameters]
begin, losses = time.time(), []
for step in range(STEPS):
    some = torch.randint(len(latents), (64,))
    x, noise, t = latents[some], torch.randn(64, 4, 16, 16), torch.randint(1000, (64,))
    chosen = labels[some] * len(VIEWS) + torch.randint(len(VIEWS), (64,))
    # One in ten without a prompt, for guidance.
    chosen[torch.rand(64) < 0.1] = len(prompts) - 1
    states = text(ids)[0][chosen]
    loss = F.mse_loss(unet(schedule.add_noise(x, noise, t), t, states).sample, noise)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()
    rate.step()
    with torch.no_grad():
        for mean, parameter in zip(average, parameters):
            mean.lerp_(parameter, max(0.002, 1 / (step + 1)))
    losses.append(loss.item())
    if step % 250 == 249:
        print("unet", step + 1, round(np.mean(losses[-250:]), 4), f"{time.time() - begin:.0f} s", flush=True)
with torch.no_grad():
    for mean, parameter in zip(average, parameters):
        parameter.copy_(mean)
pipe = StableDiffusionPipeline(vae=vae, text_encoder=text.eval(), tokenizer=tokenizer, unet=unet.eval(), scheduler=schedule, safety_checker=None,
                               feature_extractor=None, requires_safety_checker=False)
pipe.save_pretrained(folder, safe_serialization=True)
pipe.set_progress_bar_config(disable=True)
rows = []
for name in CLASSES:
    made = pipe([f"a photo of a {name}"] * 4, num_inference_steps=30, guidance_scale=3.0, height=32, width=32, output_type="np").images
    rows.append(np.concatenate(list(made), 1))
sheet = (np.concatenate(rows, 0) * 255).round().astype(np.uint8)
Image.fromarray(sheet).resize((sheet.shape[1] * 3, sheet.shape[0] * 3), Image.NEAREST).save(os.path.join(out, "samples.png"))
