"""What a user would have done instead, trained fairly on the same split."""
