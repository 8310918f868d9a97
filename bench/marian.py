"""A Marian model of the size of opus-mt-en-fr with random weights: written for synth, translated with by transformers and
CTranslate2. Called by marian.sh."""
import json, os, resource, shutil, sys, time
import torch
from transformers import MarianConfig, MarianMTModel, __version__

what, folder, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
torch.set_num_threads(threads)
torch.manual_seed(0)
V, PAD, EOS, BATCH, LENGTH = 59514, 59513, 0, 16, 30
config = MarianConfig(
    vocab_size=V, decoder_vocab_size=V, d_model=512, encoder_layers=6, decoder_layers=6, encoder_attention_heads=8,
    decoder_attention_heads=8, encoder_ffn_dim=2048, decoder_ffn_dim=2048, max_position_embeddings=512,
    activation_function="swish", scale_embedding=True, pad_token_id=PAD, eos_token_id=EOS, bos_token_id=EOS,
    forced_eos_token_id=EOS, decoder_start_token_id=PAD, static_position_embeddings=True, bad_words_ids=[[PAD]],
    max_length=LENGTH + 2, num_beams=4)
model = MarianMTModel(config).eval()
with torch.no_grad():
    model.model.shared.weight.copy_(torch.randn_like(model.model.shared.weight) * 0.05)
    # No sentence ends before its time.
    model.final_logits_bias[0, EOS] = -1e4
ids = torch.randint(2, V - 1, (BATCH, LENGTH))


def seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def report(name, beams, translate):
    translate()
    cpu, wall = seconds(), time.time()
    n = translate()
    cpu, wall = seconds() - cpu, time.time() - wall
    print(f"{name} beams={beams}: {n / cpu:.0f} tokens/CPU s, {n / wall:.0f} tokens/s")


if what == "write":
    from safetensors.torch import save_file
    fixture = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../crates/synth-neural/tests/fixtures/marian/en-fr")
    os.makedirs(folder, exist_ok=True)
    config.save_pretrained(folder)
    for file in "source.spm", "target.spm":
        shutil.copy(os.path.join(fixture, file), folder)
    vocab = {"</s>": EOS, "<unk>": 1, **{f"w{i}": i for i in range(2, V - 1)}, "<pad>": PAD}
    json.dump(vocab, open(os.path.join(folder, "vocab.json"), "w"))
    kept = {name: value.clone() for name, value in model.state_dict().items() if "embed_positions" not in name
            and name not in ("model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight", "lm_head.weight")}
    save_file(kept, os.path.join(folder, "model.safetensors"))
    json.dump(ids.tolist(), open(os.path.join(folder, "ids.json"), "w"))
if what == "transformers":
    # The end of a sentence stands behind its words.
    ids = torch.cat([ids, torch.full((BATCH, 1), EOS)], 1)
    for beams in 1, 4:
        def translate():
            with torch.inference_mode():
                made = model.generate(ids, attention_mask=torch.ones_like(ids), num_beams=beams, do_sample=False)
            return BATCH * (made.shape[1] - 2)
        report(f"transformers {__version__} (torch {torch.__version__}) f32", beams, translate)
if what == "ctranslate2":
    import ctranslate2
    from ctranslate2.converters.transformers import MarianMTLoader
    out = os.path.join(folder, "ctranslate2")
    if not os.path.exists(out):
        # The converter opens folders; ours holds pieces that its tokenizer does not know. So the loader is called itself.
        from ctranslate2.converters.transformers import BartLoader
        model.config.normalize_before = model.config.normalize_embedding = False
        spec = BartLoader.get_model_spec(MarianMTLoader(), model)
        words = ["</s>", "<unk>"] + [f"w{i}" for i in range(2, V - 1)] + ["<pad>"]
        spec.register_source_vocabulary(words)
        spec.register_target_vocabulary(words)
        spec.config.decoder_start_token = "<pad>"
        spec.validate()
        spec.optimize(quantization=None)
        os.makedirs(out)
        spec.save(out)
    tokens = [[f"w{i}" for i in row] + ["</s>"] for row in ids.tolist()]
    for kind in "float32", "int8":
        translator = ctranslate2.Translator(out, device="cpu", compute_type=kind, inter_threads=1, intra_threads=threads)
        for beams in 1, 4:
            def translate():
                made = translator.translate_batch(tokens, beam_size=beams, min_decoding_length=LENGTH, max_decoding_length=LENGTH)
                return sum(len(one.hypotheses[0]) for one in made)
            report(f"ctranslate2 {ctranslate2.__version__} {kind}", beams, translate)
