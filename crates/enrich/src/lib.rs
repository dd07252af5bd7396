//! Names, places and vendors for the nodes of a traffic graph, each with its source.
