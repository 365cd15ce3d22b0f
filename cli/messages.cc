namespace cfpipe::cli {}
