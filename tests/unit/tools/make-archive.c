/* Archived policies for tests. */

#include "make-archive.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "make-folder.h"

const ArchiveFile make_archive_files[] = {
        {"ngo.class", "[Class]\nDescription=x\n"},
        {"police.class", "[Class]\nDescription=x\n"},
        {"find.purpose", "[Purpose]\nDescription=x\n"},
        {"faces.gallery",
         "[Gallery]\nDescription=x\nModel=m-4\nDimension=16\nKind=event\nMaximumTemplates=99\n"},
        {"thorn.organisation", "[Organisation]\nDescription=x\nClass=ngo\n[Peer]\nUser=980\n"},
        {"pd.organisation", "[Organisation]\nDescription=x\nClass=police\n[Peer]\nUser=981\n"},
        {"club.organisation", "[Organisation]\nDescription=x\nClass=ngo\n[Peer]\nGroup=20 100\n"},
        {"rescue.allow",
         "[Allow]\nDescription=x\nClass=ngo police\nOperation=any\nPurpose=find\nGallery=any\nSought=any\n"
         "MinimumSimilarity=0.6\nMaximumCandidates=5\nRelease=scores\nRate=2/min\n"},
        {"no-police.moratorium", "[Moratorium]\nDescription=x\nClass=police\n"},
        {},
};

const char *make_archive_path(const char *digest, const char *name)
{
        static char path[256];
        snprintf(path, sizeof(path), "export/policy/%s/%s", digest, name);
        return path;
}

static void write_files(const ArchiveFile *files)
{
        char path[128];

        for (; files && files->name; files++) {
                snprintf(path, sizeof(path), "made/%s", files->name);
                folder_write(path, files->text);
        }
}

Policy *make_archive(const ArchiveFile *files, const ArchiveFile *more,
                     char ret_digest[static DIGEST_HEX_SIZE])
{
        PolicyFaults faults = {};
        Policy *policy = NULL;
        size_t n = 0;

        write_files(files);
        write_files(more);
        const char *const dirs[] = {folder_path("made")};
        const PolicySource source = {
                .dirs = dirs, .n_dirs = 1, .passwd_path = "/dev/null", .group_path = "/dev/null"};
        cr_assert_eq(policy_load(&policy, &source, &faults), 0, "%s", faults.n > 0 ? faults.lines[0] : "");
        digest_hex(policy_digest(policy), ret_digest);
        const PolicyText *texts = policy_texts(policy, &n);
        for (size_t i = 0; i < n; i++)
                folder_write(make_archive_path(ret_digest, texts[i].path), (const char *)texts[i].bytes);
        return policy;
}
