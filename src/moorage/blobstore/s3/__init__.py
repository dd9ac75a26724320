"""The blob store in a bucket that speaks S3.

    store.py      the port
    writer.py     a body becomes an object: one request, or a multipart upload, with bounded memory
    room.py       the memory that uploads share
    places.py     what the database keeps of where something lies
    bucket.py     the requests that are needed of S3, and how often they are tried
    download.py   answers to GET, read with few copies
    signing.py    their signatures
    signer.py     URLs by which clients read blobs themselves

Keys, under the prefix of the bucket:

    blobs/ID[:2]/ID/NAME    an object that a request to the upload ID wrote: a piece of the upload, then the blob

S3 can't rename, and copying takes as long as the bytes are many. So nothing is moved: the object that a PATCH wrote is
what the blob is read from, and the database knows its place. A name is random and never written to twice.
"""
