"""Where the events of runs are kept. One file each; all hold the same contract, `protocols.Journal`."""
