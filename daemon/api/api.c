/* SPDX-License-Identifier: Apache-2.0 */
/* One line per method; a new one adds its line here, its file, and its text in io.lbrd.varlink. */
#include "daemon/api/api.h"

const struct method api_methods[] = {
	{"Attach", 0, method_attach},
	{"Detach", 0, method_detach},
	{"List", 0, method_list},
	{"Watch", METHOD_MORE, method_watch},
	{"Programs", 0, method_programs},
	{"Dump", 0, method_dump},
	{"Describe", 0, method_describe},
	{},
};

void api_init(struct api *api)
{
	TAILQ_INIT(&api->detaches);
}
