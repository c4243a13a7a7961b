rule train:
    input:
        "models/{network}.yaml",
    output:
        weights="results/networks/{network}.npz",
        metrics="results/networks/{network}.json",
    log:
        "results/logs/train/{network}.log",
    benchmark:
        "results/benchmarks/train/{network}.tsv"
    wildcard_constraints:
        network="|".join(NETWORKS),
    threads: 1
    shell:
        "joulescape train {input} --out results/networks > {log} 2>&1"
