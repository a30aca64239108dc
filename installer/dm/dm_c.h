/* The FwUpdate management object, for OMA DM clients: docs/dm.md.
 *
 * A DM client speaks SyncML; this adapter knows nothing of it. The client's plug-in passes each
 * command for an address below ./FwUpdate or ./Vendor/MSFT/ROMPackage on, and gets the OMA status
 * to answer. What follows from an Exec is fetched, not called back: romdelta_dm_next_task() says
 * what the download agent or the update agent has to do now, romdelta_dm_next_alert() what is to be
 * sent. Both say the same after a reboot.
 *
 *   server --Add, Replace, Exec--> romdelta_dm_exec() = 202        (durable before it returns)
 *   romdelta_dm_next_task() = download    -> ... -> romdelta_dm_download_done(status, location)
 *   romdelta_dm_next_task() = update      -> romdelta_dm_update_started()
 *                                         -> ... -> romdelta_dm_update_done(status, keep)
 *   romdelta_dm_next_alert() = 1226 ...   -> server's Status -> romdelta_dm_alert_answered()
 *
 * All memory is the caller's romdelta_dm; no heap, no threads: one call at a time, and no call from
 * inside a callback. Text is UTF-8 that ends with a 0; NULL and "" mean the same except where a
 * function says otherwise. Pointers handed out are valid until the next call with the same
 * romdelta_dm. The largest sizes are those of format/limits.h (dm_...). */
#ifndef ROMDELTA_DM_C_H
#define ROMDELTA_DM_C_H

#include "installer/installer_c.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- Numbers. --- */

/* OMA DM status codes, as they go into <Status><Data>. */
typedef uint16_t romdelta_dm_answer;
#define ROMDELTA_DM_OK 200
#define ROMDELTA_DM_ACCEPTED 202        /* Exec: the result comes in a final alert. */
#define ROMDELTA_DM_CHUNK_TAKEN 213     /* More data is expected. */
#define ROMDELTA_DM_BAD_REQUEST 400     /* An address or a value that breaks a rule. */
#define ROMDELTA_DM_UNAUTHENTICATED 401 /* Only ever from the access callback. */
#define ROMDELTA_DM_NOT_FOUND 404
#define ROMDELTA_DM_NOT_ALLOWED 405   /* Not on this node, or not in this state. */
#define ROMDELTA_DM_NOT_SUPPORTED 406 /* A property or a query that is not known. */
#define ROMDELTA_DM_TOO_LARGE 413
#define ROMDELTA_DM_URI_TOO_LONG 414
#define ROMDELTA_DM_WRONG_FORMAT 415
#define ROMDELTA_DM_EXISTS 418
#define ROMDELTA_DM_DEVICE_FULL 420
#define ROMDELTA_DM_SIZE_MISMATCH 424 /* The pieces of an object are not what was announced. */
#define ROMDELTA_DM_DENIED 425        /* Only ever from the access callback. */
#define ROMDELTA_DM_FAILED 500        /* The package store refused. */
#define ROMDELTA_DM_STORE_FAILED 510  /* The flash failed. Begin again. */

/* Why a download failed, for romdelta_dm_download_done(): numbers of format/status.h. Any other
 * status is taken as well: a refusal by the user is ROMDELTA_CANCELLED. */
#define ROMDELTA_CANCELLED 33
#define ROMDELTA_DOWNLOAD_UNAUTHORISED 39 /* Code 406: HTTP 401, 403, 407. */
#define ROMDELTA_DOWNLOAD_TIMED_OUT 40    /* Code 407. */
#define ROMDELTA_BAD_URL 41               /* Code 411: malformed, or a scheme that is not known. */
#define ROMDELTA_SERVER_UNAVAILABLE 42    /* Code 412: no such host, refused, HTTP 502, 503, 504. */
#define ROMDELTA_SERVER_ERROR 43          /* Code 500: any other HTTP error. */
#define ROMDELTA_NO_ROOM_FOR_DOWNLOAD 44  /* Code 501. */
#define ROMDELTA_NETWORK_FAILED 45        /* Code 503: the transfer broke off. */
#define ROMDELTA_PACKAGE_MISSING 46       /* Code 400: for update_done: what was stored is gone. */

/* FUMO states, as x/State reads. */
#define ROMDELTA_DM_IDLE 10
#define ROMDELTA_DM_DOWNLOAD_FAILED 20
#define ROMDELTA_DM_DOWNLOADING 30
#define ROMDELTA_DM_DOWNLOADED 40
#define ROMDELTA_DM_READY 50
#define ROMDELTA_DM_UPDATING 60
#define ROMDELTA_DM_FAILED_HAVE_DATA 70
#define ROMDELTA_DM_FAILED_NO_DATA 80
#define ROMDELTA_DM_UPDATED_HAVE_DATA 90
#define ROMDELTA_DM_UPDATED_NO_DATA 100

/* Sizes of text with its 0: one more than the limits of format/limits.h. */
#define ROMDELTA_DM_ID_SIZE 49
#define ROMDELTA_DM_URI_SIZE 129
#define ROMDELTA_DM_URL_SIZE 1025
#define ROMDELTA_DM_LOCATION_SIZE 129
#define ROMDELTA_DM_CORRELATOR_SIZE 65
#define ROMDELTA_DM_SERVER_SIZE 65
#define ROMDELTA_DM_DATA_SIZE 65

/* --- What the device brings along. --- */

typedef enum romdelta_dm_command {
  ROMDELTA_DM_GET = 1,
  ROMDELTA_DM_ADD = 2,
  ROMDELTA_DM_REPLACE = 4,
  ROMDELTA_DM_DELETE = 8,
  ROMDELTA_DM_EXEC = 16
} romdelta_dm_command;

/* The caller's, like everything it points at; must outlive the romdelta_dm. `context` goes to each
 * callback. A callback that is not needed is NULL. */
typedef struct romdelta_dm_host {
  void* context;

  /* Where the object survives power loss: two halves of whole erase blocks. docs/dm.md says how
   * large; a larger region takes longer URLs and more objects. Used by nothing else. */
  romdelta_region records;

  /* The installer's inventory, read for ROMPackage; flash == NULL: that tree has no packages. */
  romdelta_region inventory;

  /* May `server_id` do this? Returns ROMDELTA_DM_OK, or what to answer: ROMDELTA_DM_DENIED,
   * ROMDELTA_DM_UNAUTHENTICATED. `uri` is the node's canonical address, without a query. Asked
   * before anything is said about the node. NULL: all may do all. */
  romdelta_dm_answer (*access)(void* context, const char* server_id, const char* uri,
                               romdelta_dm_command command);

  /* Packages that arrive in Update/PkgData, in pieces. `begin` replaces what an earlier package of
   * `object_id` left unfinished; `total_bytes` is 0 when the server did not say. `write` is called
   * with ascending offsets without gaps. `commit` makes the bytes durable and writes their location
   * (at most ROMDELTA_DM_LOCATION_SIZE, with its 0): a path, or whatever the update agent
   * understands. Each returns false when it cannot: the server hears 420 from begin and write, 500
   * from commit. All NULL: Add and Replace of PkgData are answered 406. */
  bool (*package_begin)(void* context, const char* object_id, uint64_t total_bytes);
  bool (*package_write)(void* context, const char* object_id, uint64_t offset_bytes,
                        const uint8_t* bytes, size_t count);
  bool (*package_commit)(void* context, const char* object_id, char* location, size_t capacity);

  /* Deletes a package by its location, whoever stored it, so that it stays deleted after a power
   * cut. Called again for the same location when power failed: what is gone already is success.
   * False: it is tried again at the next begin or Exec. NULL: nothing has to be deleted. */
  bool (*package_discard)(void* context, const char* location);

  /* Tells of each change of x/State, after it is durable. For displays and logs. */
  void (*state_changed)(void* context, const char* object_id, int from, int to);
} romdelta_dm_host;

/* Opaque storage for the adapter. */
#define ROMDELTA_DM_BYTES 17408
typedef struct romdelta_dm {
  ROMDELTA_ALIGNED uint8_t storage[ROMDELTA_DM_BYTES];
} romdelta_dm;

/* Reads what the records say, makes it durable once more (an erase of half the region and two small
 * writes) and finishes a deletion that power loss interrupted. Call it after each start of the
 * device, before anything else. A blank region is an empty ./FwUpdate. After a failure of the flash
 * in any call the adapter does nothing more: commands are answered 510, until begun again.
 * ROMDELTA_OK; journal_too_small when the region is; a failure of the flash. */
romdelta_status romdelta_dm_begin(romdelta_dm* dm, const romdelta_dm_host* host);

/* --- Commands of the server. `server_id` says which server sent it; `uri` is <Target><LocURI>,
 * "./FwUpdate/x/State" or without "./", with or without a query. --- */

/* True when commands for this address belong here: it is one of the two roots or lies below. Does
 * not look whether the node exists. */
bool romdelta_dm_owns(const char* uri);

/* True when the node exists now. */
bool romdelta_dm_is_node(romdelta_dm* dm, const char* uri);

typedef struct romdelta_dm_node {
  bool is_interior;
  const char* format; /* "node", "chr", "int", "bin" */
  const char* type;   /* The Type property: "text/plain", "urn:oma:mo:oma-fumo:1.0", ..., or "" */
  unsigned commands;  /* romdelta_dm_command values that the node ever takes, or'ed */
} romdelta_dm_node;

/* What a node is. ROMDELTA_DM_OK, 404, 400, 414. */
romdelta_dm_answer romdelta_dm_describe(romdelta_dm* dm, const char* uri, romdelta_dm_node* node);

/* One <Item> of a Results. `value` is not ended by a 0. */
typedef struct romdelta_dm_item {
  const char* uri;
  const char* format;
  const char* type; /* "" where there is none */
  const char* value;
  size_t value_bytes;
} romdelta_dm_item;
typedef bool (*romdelta_dm_visit)(void* context, const romdelta_dm_item* item);

/* Get: calls `visit` once, or for each node of a list, parents first. Of an interior node the value
 * is the names of its children, with '/' between them. Queries:
 *   ?list=StructData   the node and all below, leaves with their values (PkgData without)
 *   ?list=Struct       the same without values
 *   ?prop=Name|Format|Type|Size   a property, of format chr
 * `visit` returning false ends it with ROMDELTA_DM_TOO_LARGE: the message has no room.
 * ROMDELTA_DM_OK, 400, 401, 404, 405 (PkgData), 406, 413, 414, 425, 510. */
romdelta_dm_answer romdelta_dm_get(romdelta_dm* dm, const char* server_id, const char* uri,
                                   romdelta_dm_visit visit, void* visit_context);

/* A value, or a piece of one (a DM large object). */
typedef struct romdelta_dm_data {
  const char* format; /* <Format>: NULL, "chr", "bin", "b64" or "node". Bytes are decoded. */
  const uint8_t* bytes;
  size_t count;
  uint64_t total_bytes; /* <Size> of the whole value, with its first piece; 0: not told */
  bool more;            /* <MoreData/> */
} romdelta_dm_data;

/* Add and Replace. Add makes missing parents; what it finds set already is 418. Replace needs the
 * object x, and sets any of its leaves that a server may write. A value may come in pieces, one
 * call each with the same address: ROMDELTA_DM_CHUNK_TAKEN until the last. Nothing of it counts
 * before; a call of Add or Replace for another address, or a last piece that does not fit the
 * announced size, drops it. Durable when it returns ROMDELTA_DM_OK. 200, 213, 400, 401, 404, 405,
 * 406, 413, 414, 415, 418, 420, 424, 425, 500, 510. */
romdelta_dm_answer romdelta_dm_add(romdelta_dm* dm, const char* server_id, const char* uri,
                                   const romdelta_dm_data* data);
romdelta_dm_answer romdelta_dm_replace(romdelta_dm* dm, const char* server_id, const char* uri,
                                       const romdelta_dm_data* data);
/* True while pieces of a value are missing. A client that gets another command then answers it and
 * sends alert 1225; it calls romdelta_dm_drop_object(), and so it does when the session ends. */
bool romdelta_dm_object_is_open(const romdelta_dm* dm);
void romdelta_dm_drop_object(romdelta_dm* dm);

/* Delete of x, of its PkgName, PkgVersion, a PkgURL, or the node above one. Also deletes a stored
 * package of x. 405 while x is at work or its final alert is not answered.
 * 200, 400, 401, 404, 405, 414, 425, 500, 510. */
romdelta_dm_answer romdelta_dm_delete(romdelta_dm* dm, const char* server_id, const char* uri);

/* Exec of x/Download, x/Update or x/DownloadAndUpdate. `correlator` NULL: the server gave none (""
 * is one that is empty). ROMDELTA_DM_ACCEPTED: the operation is durable, and will end in exactly
 * one final alert; romdelta_dm_next_task() says what to do. 405 when the PkgURL is not set, x has
 * no package to install, any object is at work, or the final alert of x is not answered yet. 202,
 * 401, 404, 405, 414, 420 (correlator or server id too long), 425, 500, 510. */
romdelta_dm_answer romdelta_dm_exec(romdelta_dm* dm, const char* server_id, const char* uri,
                                    const char* correlator);

/* --- The work that follows. --- */

typedef enum romdelta_dm_work {
  ROMDELTA_DM_NO_WORK = 0,
  ROMDELTA_DM_DOWNLOAD = 1, /* Fetch `url`, or go on with that; then download_done. */
  ROMDELTA_DM_UPDATE = 2    /* Install `location`, or go on with that; then update_done. */
} romdelta_dm_work;

typedef struct romdelta_dm_task {
  romdelta_dm_work work;
  uint32_t number;     /* Of the operation: names it in the calls below. */
  bool installs_after; /* A download that is part of DownloadAndUpdate. */
  bool is_started;     /* An update: update_started was called, maybe before a reboot. */
  char object_id[ROMDELTA_DM_ID_SIZE]; /* x */
  char server_id[ROMDELTA_DM_SERVER_SIZE];
  char url[ROMDELTA_DM_URL_SIZE];           /* Of a download. */
  char location[ROMDELTA_DM_LOCATION_SIZE]; /* Of an update: where the package is. */
} romdelta_dm_task;

/* What is to be done now: the same answer until it is reported done, also after a reboot. There is
 * at most one task. False, and ROMDELTA_DM_NO_WORK, when there is none. A user who postpones lets
 * it wait; one who declines is reported with ROMDELTA_CANCELLED. */
bool romdelta_dm_next_task(romdelta_dm* dm, romdelta_dm_task* task);

/* The download ended. ROMDELTA_OK: the package is durable at `location`, which update agent and
 * package_discard understand. Otherwise the operation ends with the code of `status`, and
 * `location` is ignored; the download agent deletes what it has. Returns ROMDELTA_OK; out_of_order
 * when the operation `number` is not at a download; a failure of the flash, then nothing has
 * changed. Durable when it returns. */
romdelta_status romdelta_dm_download_done(romdelta_dm* dm, uint32_t number, romdelta_status status,
                                          const char* location);

/* The update begins: State 60. For an Exec of Update that is so already, and the call does nothing.
 * Returns as romdelta_dm_download_done(). */
romdelta_status romdelta_dm_update_started(romdelta_dm* dm, uint32_t number);

/* The update ended with `status` (of Session::finish(), romdelta_finish(), or another). `keep`: the
 * package is to stay where it is (State 70 or 90); otherwise it is discarded (80 or 100). May be
 * called without update_started. Returns as romdelta_dm_download_done(). */
romdelta_status romdelta_dm_update_done(romdelta_dm* dm, uint32_t number, romdelta_status status,
                                        bool keep);

/* --- Alerts to the server. --- */

/* A Generic Alert (1226). */
typedef struct romdelta_dm_alert {
  uint32_t number;     /* For romdelta_dm_alert_answered(); never 0. */
  const char* type;    /* <Type>: "org.openmobilealliance.dm.firmwareupdate.update", ... */
  const char* format;  /* <Format>: "int" of a result, "chr" of a request */
  const char* mark;    /* <Mark>: "informational", "warning", "critical" */
  bool has_correlator; /* False: send no <Correlator>. */
  char correlator[ROMDELTA_DM_CORRELATOR_SIZE];
  char source_uri[ROMDELTA_DM_URI_SIZE]; /* <Source>: the node of the Exec; "": send no <Source> */
  char data[ROMDELTA_DM_DATA_SIZE];      /* <Data>: always sent, also when it is empty */
  char server_id[ROMDELTA_DM_SERVER_SIZE]; /* Whom it is for; "": any server */
} romdelta_dm_alert;

/* The alert with the smallest number above `after` (0: the first) for `server_id` (NULL: for any
 * server). False when there is none. Each is handed out again, in this session and after reboots,
 * until it was answered. */
bool romdelta_dm_next_alert(romdelta_dm* dm, const char* server_id, uint32_t after,
                            romdelta_dm_alert* alert);

/* The server answered the alert with the OMA status `answer`. 401 and 407 ask for credentials: the
 * alert stays. Any other ends it; the operation is not tried again whatever it says.
 * ROMDELTA_OK; out_of_order when there is no such alert; a failure of the flash: it stays. */
romdelta_status romdelta_dm_alert_answered(romdelta_dm* dm, uint32_t number,
                                           romdelta_dm_answer answer);

/* --- Updates that the device or its user asks for. --- */

typedef enum romdelta_dm_request_kind {
  ROMDELTA_DM_DEVICE_REQUEST = 1,
  ROMDELTA_DM_USER_REQUEST = 2
} romdelta_dm_request_kind;

/* Asks the server for an update, by an alert that romdelta_dm_next_alert() hands out from now on.
 * `object_id`: an existing x that it is about, or NULL for all firmware. `data`: what to say, or
 * NULL for nothing. One request waits at a time: a further one of the same kind and text is
 * the same request.
 * ROMDELTA_OK; out_of_order when another request waits, x does not exist, or `data` is too long or
 * not printable; a failure of the flash. */
romdelta_status romdelta_dm_request(romdelta_dm* dm, romdelta_dm_request_kind kind,
                                    const char* object_id, const char* data);

/* --- Glue to the installer. --- */

/* Reads up to `count` bytes of the package at `location` from `offset_bytes` on. Returns how many;
 * fewer only at the package's end; -1 when it cannot be read. */
typedef int64_t (*romdelta_dm_read_package)(void* context, const char* location,
                                            uint64_t offset_bytes, uint8_t* into, size_t count);

typedef struct romdelta_dm_installation {
  const romdelta_device* device;
  romdelta_session* session; /* Scratch for the call, like the arena. */
  void* arena;
  size_t arena_bytes;
  romdelta_dm_read_package read_package;
  void* read_context;
  romdelta_progress progress; /* May be NULL; false cancels. */
  void* progress_context;
} romdelta_dm_installation;

/* Carries out the task if it is an update: update_started, a session of the installer, and
 * update_done with its status. A package that cannot be read is package_missing. What a later
 * attempt needs again (an installation in place that is not finished) is kept. `result` (may be
 * NULL) gets the installer's status. out_of_order when there is no update to do; else as
 * update_done. */
romdelta_status romdelta_dm_install(romdelta_dm* dm, const romdelta_dm_installation* installation,
                                    romdelta_status* result);

#ifdef __cplusplus
}
#endif

#endif /* ROMDELTA_DM_C_H */
