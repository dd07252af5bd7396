//! Packet captures in, traffic graphs and pictures out: the front door of pcapviz.
