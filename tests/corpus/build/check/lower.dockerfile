from debian as x
run true
RUN false
