"""SGX on one host: is it ready (`doctor`), and which guests can have how much of its memory (`plan`)?"""
