dist_man_MANS += man/kedge.8 man/kedge-guard.8
