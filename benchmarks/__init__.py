"""Figures that the documentation states, and the programs that measure them."""
