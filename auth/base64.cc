namespace cfpipe::auth {}
