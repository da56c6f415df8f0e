"""Tools that come with codeling. They run on the host, like every tool."""
