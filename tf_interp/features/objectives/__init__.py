"""What a picture shall make large: the algebra, rewards and penalties. None of it knows a model."""
