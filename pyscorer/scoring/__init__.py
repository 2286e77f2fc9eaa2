"""What all scorers share: training loop, ensembles of seeds and folds, statistics, baselines."""
