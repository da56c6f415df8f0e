"""What runs inside the wall: standard library only, and nothing of ours but the files of this folder."""
