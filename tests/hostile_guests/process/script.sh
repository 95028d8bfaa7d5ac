#!/bin/sh
echo "script with $1"
