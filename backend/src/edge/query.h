#ifndef VB_EDGE_QUERY_H
#define VB_EDGE_QUERY_H
#include "base/error.h"
#include "media/variant.h"
int vb_edge_query_variant(const char *query, struct vb_variant *ret, struct vb_error *err);
#endif
