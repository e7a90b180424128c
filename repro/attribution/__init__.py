"""Heatmaps, saliency and relevance: which parts of an image made the network say this?"""
