"""Pages of graphs that a browser shows, offline: `Graph.to_html`."""
