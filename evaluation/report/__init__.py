"""
Which network to serve: accuracy over cost for every checkpoint of a data set, and its frontier.

From checkpoints to a report: what each says it is (`contenders`), how good it is (`quality`), what
a row costs (`costs`), seeds put together (`points`), who is not beaten (`frontier`), said in a
sentence (`sentences`), beside what was published (`published`), drawn (`pictures`), and written
down (`tables`, `document`). `measuring` puts the parts together.
"""
