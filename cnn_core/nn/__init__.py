"""Networks: layers, activations, initialisers, losses."""
