"""What is computed: a graph of operators, lowering to workloads, and the types that rooms exchange."""
