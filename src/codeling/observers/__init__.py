"""What watches runs. One file each; importing this imports none of them, nor the libraries that they use."""
