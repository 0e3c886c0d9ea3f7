dist_man_MANS += man/kedge.8
