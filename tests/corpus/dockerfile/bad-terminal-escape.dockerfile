FROM alpine
[31mRED x
