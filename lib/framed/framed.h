/* All of libframed. */
#ifndef FRAMED_H
#define FRAMED_H

#include <framed/address.h>
#include <framed/byteorder.h>
#include <framed/client.h>
#include <framed/conn.h>
#include <framed/framing.h>

#endif
