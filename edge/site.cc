namespace cfpipe::edge {}
