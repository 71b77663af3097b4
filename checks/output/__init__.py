"""What a report looks like as a page or a picture: plain values in, text or a file out."""
