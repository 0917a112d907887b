"""The region expert: a frozen DINOv2 backbone and a light decoder that turn a frame into anomalous regions."""
