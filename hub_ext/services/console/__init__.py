"""The web console and its REST API: faces over the flows that the command line uses too."""
