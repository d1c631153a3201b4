namespace BridgeGuard.Rules.Keywords;

/// <summary>Every general keyword; those of protocols come with the protocols.</summary>
internal static class KeywordCatalog
{
    public static readonly Keyword[] All =
    [
        BufferKeywords.Absent,
        MetaKeywords.Alert,
        EventKeywords.AppLayerEvent,
        EventKeywords.AppLayerProtocol,
        BufferKeywords.Asn1Keyword,
        BufferKeywords.Base64Data,
        BufferKeywords.Base64DecodeKeyword,
        ByteKeywords.BufferSize,
        ByteKeywords.ByteExtractKeyword,
        ByteKeywords.ByteJumpKeyword,
        ByteKeywords.ByteMathKeyword,
        ByteKeywords.ByteTestKeyword,
        MetaKeywords.ClassType,
        BufferKeywords.EntropyKeyword,
        ContentKeywords.Content,
        EventKeywords.DecodeEvent,
        ContentKeywords.Depth,
        ThresholdKeywords.DetectionFilter,
        ContentKeywords.Distance,
        ContentKeywords.EndsWith,
        EventKeywords.EngineEvent,
        ContentKeywords.FastPattern,
        FlowKeywords.Flow,
        FlowKeywords.FlowBits,
        FlowKeywords.FlowInt,
        FrameKeyword.Keyword,
        MetaKeywords.Gid,
        FlowKeywords.HostBits,
        ByteKeywords.IsDataAtKeyword,
        MetaKeywords.Message,
        MetaKeywords.Metadata,
        MetaKeywords.NoAlert,
        ContentKeywords.NoCase,
        ContentKeywords.Offset,
        BufferKeywords.PacketData,
        PcreKeyword.Keyword,
        MetaKeywords.Priority,
        ContentKeywords.RawBytes,
        MetaKeywords.Redirect,
        MetaKeywords.Reference,
        MetaKeywords.Requires,
        MetaKeywords.Rev,
        MetaKeywords.Sid,
        ContentKeywords.StartsWith,
        FlowKeywords.StreamSize,
        EventKeywords.StreamEvent,
        MetaKeywords.Target,
        ThresholdKeywords.Threshold,
        ContentKeywords.UriContent,
        ByteKeywords.UriLength,
        ContentKeywords.Within,
        FlowKeywords.XBits,
        .. BufferKeywords.HeaderBuffers,
        DatasetKeywords.DataRep,
        DatasetKeywords.Dataset,
        .. FileKeywords.All,
        .. OtherKeywords.All,
        .. StateKeywords.All,
        .. HeaderKeywords.All,
        .. FlowKeywords.Counters,
        .. GuestKeywords.All,
    ];

    private static readonly Dictionary<string, Keyword> ByName = Index();

    public static Keyword? Find(string name) => ByName.GetValueOrDefault(name) ?? ByName.GetValueOrDefault(name.ToLowerInvariant());

    private static Dictionary<string, Keyword> Index()
    {
        var index = new Dictionary<string, Keyword>();
        foreach (Keyword keyword in All)
        {
            index.Add(keyword.Name, keyword);
            foreach (string alias in keyword.Aliases)
            {
                index.Add(alias, keyword);
            }
        }

        return index;
    }
}
