"""Numbers of the planets."""

ORDER = ("Mercury", "Venus", "Earth", "Mars", "Jupiter", "Saturn", "Uranus", "Neptune")


def numbered(name: str) -> str:
    """Give a planet's name with its number."""
    return f"{name} ({ORDER.index(name) + 1})"
