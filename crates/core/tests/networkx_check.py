#!/usr/bin/env python3
"""Compares graphs and what pcapviz says of their nodes, as JSON on standard input, with networkx."""

import json
import math
import sys

import networkx as nx
import numpy as np

failures = 0


def near(name, what, ours, theirs, tolerance):
    global failures
    for node, value in theirs.items():
        if not math.isclose(ours[node], value, rel_tol=tolerance, abs_tol=tolerance):
            failures += 1
            print(f"{name}: {what} of node {node} is {ours[node]}, by networkx {value}")
            return


def same(name, what, ours, theirs):
    global failures
    if ours != theirs:
        failures += 1
        print(f"{name}: {what} are {ours}, by networkx {theirs}")


def cut_off(graph, node):
    """How many nodes of its component are outside the largest part once it is gone."""
    part = graph.subgraph(nx.node_connected_component(graph, node) - {node})
    sizes = [len(c) for c in nx.connected_components(part)]
    return sum(sizes) - max(sizes, default=0)


def page_rank(graph):
    try:
        return nx.pagerank(graph, tol=1e-12, max_iter=1000)
    except ImportError:  # without scipy, networkx has another implementation
        from networkx.algorithms.link_analysis.pagerank_alg import _pagerank_python

        return _pagerank_python(graph, tol=1e-12, max_iter=1000)


def check(doc):
    directed = nx.DiGraph()
    directed.add_nodes_from(range(doc["nodes"]))
    for source, target, size in doc["edges"]:
        directed.add_edge(source, target, weight=math.log1p(size))
    graph = nx.Graph(directed.to_undirected())
    graph.remove_edges_from(nx.selfloop_edges(graph))
    name = doc["name"]

    near(name, "betweenness", doc["betweenness"], nx.betweenness_centrality(graph), 1e-9)
    near(name, "PageRank", doc["page_rank"], page_rank(directed), 1e-6)
    same(name, "cores", dict(enumerate(doc["cores"])), nx.core_number(graph))
    ours = {node: cuts for node, cuts in doc["keys"]}
    same(name, "articulation points", sorted(n for n, cuts in ours.items() if cuts > 0),
         sorted(nx.articulation_points(graph)))
    same(name, "nodes cut off", ours, {node: cut_off(graph, node) for node in ours})
    bridges = {(min(e), max(e)) for e in nx.bridges(graph) if all(graph.degree(n) > 1 for n in e)}
    same(name, "bridges", sorted((a, b) for a, b, _ in doc["bridges"]), sorted(bridges))

    # HITS need not be unique, so networkx's own vector may differ: ours must be fixed by the iteration in both
    # directions, and stretched by it as much as any vector can be.
    weights = nx.to_numpy_array(directed, nodelist=range(doc["nodes"]))
    hubs, authorities = np.array(doc["hubs"]), np.array(doc["authorities"])
    if hubs.sum() > 0:
        for what, ours, theirs in ("hubs", hubs, weights @ authorities), ("authorities", authorities, weights.T @ hubs):
            near(name, what, ours, dict(enumerate(theirs / theirs.sum())), 1e-3)
        stretched = np.linalg.norm(weights @ authorities) / np.linalg.norm(authorities)
        near(name, "HITS's singular value", [stretched], {0: np.linalg.norm(weights, 2)}, 1e-3)

    # Communities are an optimum that is not unique either: as good as Louvain's, or nearly.
    weighted = nx.Graph()
    weighted.add_nodes_from(range(doc["nodes"]))
    for source, target, data in directed.edges(data=True):
        if source != target and data["weight"] > 0:
            known = weighted.get_edge_data(source, target, {"weight": 0.0})["weight"]
            weighted.add_edge(source, target, weight=known + data["weight"])
    if weighted.number_of_edges():
        groups = {}
        for node, community in enumerate(doc["communities"]):
            groups.setdefault(community, set()).add(node)
        ours = nx.community.modularity(weighted, groups.values())
        theirs = nx.community.modularity(weighted, nx.community.louvain_communities(weighted, seed=1))
        if ours < theirs - 0.02:
            global failures
            failures += 1
            print(f"{name}: modularity {ours:.4f}, by networkx's Louvain {theirs:.4f}")


for doc in json.load(sys.stdin):
    check(doc)
sys.exit(1 if failures else 0)
