"""The trace page: events as data for one self-contained page, and the page's own HTML, CSS and script."""
