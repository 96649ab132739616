"""Every action on OSS, in columns: what an uploader may be left with, and what the uploaders' document denies.

The names are the vendor's (tests/deploy/oss_actions.txt lists them all, with their pages); the columns are ours.
Harmless ones are written out, so that an action of tomorrow is nobody's until somebody has thought about it;
denied ones may be patterns, which only ever deny more. Each is under its reason.
"""

# Stays possible where another policy gives it; the first two are what the document itself allows.
HARMLESS = {
    "uploads, and gives up an upload": ("oss:PutObject", "oss:AbortMultipartUpload"),
    # Also asked for where a copy takes tags along, which the conditions may not see, and no condition tells a copy from
    # another upload: docs/operations.md says whom not to give it.
    "tags one's own object before it is judged; the document's conditions keep ours and a judged one's": (
        "oss:PutObjectTagging",
    ),
    "removes an upload: it is `gone`; in a bucket with versions its bytes stay and are judged": ("oss:DeleteObject",),
    "reads an object: whoever may is let past the gate by intention": ("oss:GetObject",),
    "reads what OSS says of objects and uploads": (
        "oss:ListObjects",
        "oss:ListObjectVersions",
        "oss:ListMultipartUploads",
        "oss:ListParts",
        "oss:GetObjectAcl",
        "oss:GetObjectVersionAcl",
        "oss:GetObjectTagging",
        "oss:GetObjectVersionTagging",
        "oss:GetObjectRetention",
        "oss:ListLiveChannel",
        "oss:GetLiveChannel",
        "oss:GetLiveChannelStat",
        "oss:GetLiveChannelHistory",
        "oss:GetVodPlaylist",
        "oss:GetMetaQueryStatus",
        "oss:DoMetaQuery",
    ),
    "reads settings of the bucket": (
        "oss:GetBucketInfo",
        "oss:GetBucketLocation",
        "oss:GetBucketStat",
        "oss:GetBucketVersioning",
        "oss:GetBucketAcl",
        "oss:GetBucketWorm",
        "oss:GetBucketLogging",
        "oss:GetBucketWebsite",
        "oss:GetBucketReferer",
        "oss:GetBucketLifecycle",
        "oss:GetBucketTransferAcceleration",
        "oss:GetBucketCors",
        "oss:GetBucketPolicy",
        "oss:GetBucketPolicyStatus",
        "oss:GetBucketTagging",
        "oss:GetBucketEncryption",
        "oss:GetBucketRequestPayment",
        "oss:GetBucketReplication",
        "oss:GetBucketReplicationLocation",
        "oss:GetBucketReplicationProgress",
        "oss:GetBucketInventory",
        "oss:GetBucketAccessMonitor",
        "oss:GetBucketResourceGroup",
        "oss:GetBucketArchiveDirectRead",
        "oss:GetBucketHttpsConfig",
        "oss:GetBucketDataRedundancyTransition",
        "oss:ListBucketDataRedundancyTransition",
        "oss:GetBucketPublicAccessBlock",
        "oss:GetBucketOverwriteConfig",
        "oss:GetBucketDataAccelerator",
        "oss:GetBucketQoSInfo",
        "oss:GetBucketRequesterQoSInfo",
        "oss:ListBucketRequesterQoSInfo",
        "oss:ListBucketAntiDDosInfo",
        "oss:GetCnameToken",
        "oss:ListCname",
        "oss:GetStyle",
        "oss:ListStyle",
    ),
    "reads settings of the account": (
        "oss:ListBuckets",
        "oss:ListBucketSpaces",
        "oss:ListJobs",
        "oss:DescribeJob",
        "oss:ListUserDataRedundancyTransition",
        "oss:GetPublicAccessBlock",
        "oss:GetUserAntiDDosInfo",
        "oss:GetAccessPoint",
        "oss:ListAccessPoints",
        "oss:GetAccessPointPolicy",
        "oss:GetAccessPointPublicAccessBlock",
        "oss:GetAccessPointForObjectProcess",
        "oss:ListAccessPointsForObjectProcess",
        "oss:GetAccessPointConfigForObjectProcess",
        "oss:GetAccessPointPolicyForObjectProcess",
        "oss:ListResourcePools",
        "oss:GetResourcePoolInfo",
        "oss:ListResourcePoolBuckets",
        "oss:GetResourcePoolRequesterQoSInfo",
        "oss:ListResourcePoolRequesterQoSInfos",
    ),
    "buys something, and changes no bucket": ("oss:ActivateProduct", "oss:CreateOrder"),
    "is of vector buckets, which hold no objects": (
        "oss:PutVectorBucket",
        "oss:GetVectorBucket",
        "oss:ListVectorBuckets",
        "oss:DeleteVectorBucket",
        "oss:PutVectorIndex",
        "oss:GetVectorIndex",
        "oss:ListVectorIndexes",
        "oss:DeleteVectorIndex",
        "oss:PutVectors",
        "oss:GetVectors",
        "oss:ListVectors",
        "oss:QueryVectors",
        "oss:DeleteVectors",
    ),
}

# On the watched bucket and its objects.
DENIED = {
    "sets or removes tags, ours among them": (
        "oss:PutObjectVersionTagging",
        "oss:DeleteObjectTagging",
        "oss:DeleteObjectVersionTagging",
    ),
    "makes an object public, past any gate": ("oss:PutObjectAcl", "oss:PutObjectVersionAcl"),
    "reads a version past the gate, or uncovers an older one": ("oss:GetObjectVersion", "oss:DeleteObjectVersion"),
    "makes readable what was of an archive class when it was judged": ("oss:RestoreObject*",),
    "writes, or lets OSS write, objects whose events are not documented": (
        "oss:PutLiveChannel*",
        "oss:DeleteLiveChannel",
        "oss:PostVodPlaylist",
        "oss:PublishRtmpStream",
        "oss:PostProcessTask",
        "oss:ProcessImm",
        "oss:Replicate*",
    ),
    "changes the bucket: its policy, ACL, versions, lifecycle, replication, website, speed, …": (
        "oss:PutBucket*",
        "oss:DeleteBucket*",
        "oss:CreateBucketDataRedundancyTransition",
        "oss:InitBucketAntiDDosInfo",
        "oss:UpdateBucketAntiDDosInfo",
        "oss:OpenMetaQuery",
        "oss:CloseMetaQuery",
        "oss:PutUserDefinedLogFieldsConfig",
        "oss:DeleteUserDefinedLogFieldsConfig",
    ),
    "keeps its events from being told, as the names say": ("oss:StartEventRecord", "oss:StopEventRecord"),
    "keeps objects from being removed, or ends that": (
        "oss:InitiateBucketWorm",
        "oss:AbortBucketWorm",
        "oss:CompleteBucketWorm",
        "oss:ExtendBucketWorm",
        "oss:PutObjectRetention",
    ),
    "changes under which names and in which form objects are served": (
        "oss:CreateCnameToken",
        "oss:PutCname",
        "oss:DeleteCname",
        "oss:PutStyle",
        "oss:DeleteStyle",
    ),
}

# On everything: these have resources of their own, or none.
DENIED_ANYWHERE = {
    "sets tags and ACLs, ours among them, by a role that the job names": (
        "oss:CreateJob",
        "oss:UpdateJobStatus",
        "oss:UpdateJobPriority",
    ),
    # Asked for on the source alone (PutBucketReplication, API reference): a bucket of the uploader's own would do. A
    # replica in the ledger would be a release, one among the uploads is public by its source's ACL.
    "lets OSS write from any other bucket into ours": ("oss:PutBucketReplication",),
    "writes into a bucket as a file system, past its events": ("oss:PostDataLakeStorage*",),
    "opens another way to the objects, or changes what is read there": (
        "oss:CreateAccessPoint*",
        "oss:PutAccessPoint*",
        "oss:DeleteAccessPoint*",
        "oss:WriteGetObjectResponse",
    ),
    "changes what is public in the whole account": ("oss:PutPublicAccessBlock", "oss:DeletePublicAccessBlock"),
    "changes how fast the function is served": (
        "oss:PutResourcePool*",
        "oss:DeleteResourcePool*",
        "oss:InitUserAntiDDosInfo",
        "oss:UpdateUserAntiDDosInfo",
    ),
}


def flatten(column: dict[str, tuple[str, ...]]) -> list[str]:
    """The actions of a column, in its order."""
    return [action for actions in column.values() for action in actions]
