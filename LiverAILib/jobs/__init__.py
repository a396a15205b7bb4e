"""What a user asks for: assess a case or many, train, evaluate. Each is a few calls of the rooms below."""
