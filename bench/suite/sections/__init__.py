"""One module per section: ORDER says where it stands, run(context) measures and returns a Section."""
