"""
Which network to serve: accuracy over cost for every checkpoint of a data set, and its frontier.

From checkpoints to a report: which are measured (`candidates`), what each says it is
(`contenders`, `recipes`), how good it is (`quality`), what a row costs (`measuring`), seeds put
together (`points`), who is not beaten (`frontier`), said in a sentence (`sentences`), beside what
was published (`published`), all of it as one (`report`), drawn (`pictures`), and written down
(`tables`, `document`, `files`).
"""
