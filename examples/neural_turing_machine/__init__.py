"""A Neural Turing Machine (Graves, Wayne, Danihelka 2014) built from cnn_core's operations."""
