# Reference weights, trained in float32 over five seeds, those of seed 0 are kept; or those of an ONNX file, measured.
from joulescape.resolve.networks import network_files


rule train:
    input:
        lambda wildcards: [
            str(path)
            for path in network_files(Path(f"models/{wildcards.network}.yaml"))
        ],
    output:
        weights="results/networks/{network}.npz",
        metrics="results/networks/{network}.json",
    log:
        "results/logs/train/{network}.log",
    benchmark:
        "results/benchmarks/train/{network}.tsv"
    wildcard_constraints:
        network="|".join(map(re.escape, NETWORKS)) or "none",
    threads: 1
    params:
        code=TRAINING_CODE,
    shell:
        "joulescape train {input[0]} --out results/networks 2>&1 | tee {log}"
