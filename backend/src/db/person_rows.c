/* Lists of people: see person_rows.h. */
#include "db/person_rows.h"

enum column { ID, NAME, PICTURE_S3_KEY, PICTURE_CDN_URL, AT };

int vb_people_visit(const PGresult *rows, vb_person_visit *visit, void *context)
{
    int r = 0;

    for (int row = 0; r == 0 && row < PQntuples(rows); row++)
        r = visit(context, &(struct vb_listed_person){
                               .person = {.id = vb_db_text(rows, row, ID),
                                          .name = vb_db_text(rows, row, NAME),
                                          .picture_s3_key = vb_db_text(rows, row, PICTURE_S3_KEY),
                                          .picture_cdn_url = vb_db_text(rows, row, PICTURE_CDN_URL)},
                               .at = vb_db_text(rows, row, AT)});
    return r;
}
