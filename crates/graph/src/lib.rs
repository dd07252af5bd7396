//! One flow table and its three projections: devices, IP hosts, TCP/UDP endpoints.
