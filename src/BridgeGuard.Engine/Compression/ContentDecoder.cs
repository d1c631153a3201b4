namespace BridgeGuard.Engine.Compression;

/// <summary>A chain of content codings over one body: the last applied is taken off first. Reused from body to body; its layers are the worker's.</summary>
internal sealed class ContentDecoder : IContentSink
{
    /// <summary>Suricata's <c>response-body-decompress-layer-limit</c>.</summary>
    private const int UsualLayers = 2;

    /// <summary>Layers of the worker between two bodies: each has buffers and tables of some 60 KiB, which a flow needs only while it decodes.</summary>
    [ThreadStatic]
    private static Stack<ContentLayer>? _spare;

    private readonly List<ContentLayer> _layers = new(UsualLayers);
    private readonly List<LayerSink> _links = new(UsualLayers);
    private IContentSink? _sink;
    private int _active;

    public ContentDecoder()
    {
        for (int i = 0; i < UsualLayers; i++)
        {
            _links.Add(new LayerSink(this, i));
        }
    }

    /// <summary>Decoded bytes that may come out of a chain before the ratio to its input is looked at.</summary>
    public long BombLimitBytes { get; set; } = 1 << 20;

    /// <summary>History that a layer of LZMA may keep.</summary>
    public long LzmaMemoryBytes { get; set; } = 1 << 20;

    /// <summary>HTTP/1's ratio of output to input above which it is a bomb (Suricata's figure).</summary>
    public const int BombRatio = 2048;

    public int MaxRatio { get; set; } = BombRatio;

    /// <summary>A layer's input was nothing it could begin with, and is passed on as it is.</summary>
    public bool IsRefused
    {
        get
        {
            for (int i = 0; i < _active; i++)
            {
                if (_layers[i].IsRefused)
                {
                    return true;
                }
            }

            return false;
        }
    }

    public bool IsActive => _active > 0;

    /// <summary>A bomb was met: nothing more is decoded.</summary>
    public bool IsBomb { get; private set; }

    /// <summary>A layer broke after it had begun well.</summary>
    public bool HasFailed
    {
        get
        {
            for (int i = 0; i < _active; i++)
            {
                if (_layers[i].HasFailed)
                {
                    return true;
                }
            }

            return false;
        }
    }

    /// <summary>A layer of LZMA wanted more memory than it may have.</summary>
    public bool IsOverMemory
    {
        get
        {
            for (int i = 0; i < _active; i++)
            {
                if (_layers[i].IsOverMemory)
                {
                    return true;
                }
            }

            return false;
        }
    }

    public void Reset()
    {
        for (int i = 0; i < _active; i++)
        {
            _layers[i].End();
            (_spare ??= new Stack<ContentLayer>()).Push(_layers[i]);
        }

        _layers.Clear();
        _active = 0;
        IsBomb = false;
        _sink = null;
    }

    /// <summary>Adds the next coding in the order in which they were applied (header order).</summary>
    public void Add(ContentCoding coding)
    {
        _layers.Add(_spare is { } spare && spare.TryPop(out ContentLayer? pooled) ? pooled : new ContentLayer());
        if (_links.Count < _layers.Count)
        {
            _links.Add(new LayerSink(this, _active));
        }

        _layers[_active++].Begin(coding, LzmaMemoryBytes);
    }

    /// <summary>Decodes one piece of the body into <paramref name="sink"/>.</summary>
    public void Feed(ReadOnlySpan<byte> input, IContentSink sink)
    {
        _sink = sink;
        Push(_active - 1, input);
        _sink = null;
    }

    /// <summary>The body is over.</summary>
    public void Finish(IContentSink sink)
    {
        _sink = sink;
        for (int i = _active - 1; i >= 0; i--)
        {
            _layers[i].Finish(_links[i]);
        }

        _sink = null;
    }

    void IContentSink.OnContent(ReadOnlySpan<byte> bytes) => _sink?.OnContent(bytes);

    private void Push(int layer, ReadOnlySpan<byte> input)
    {
        if (layer < 0)
        {
            _sink!.OnContent(input);
            return;
        }

        _layers[layer].Feed(input, _links[layer]);
    }

    /// <summary>What layer <paramref name="layer"/> decoded goes to the layer below it, or out.</summary>
    private void OnLayer(int layer, ReadOnlySpan<byte> bytes)
    {
        if (IsBomb)
        {
            return;
        }

        ContentLayer current = _layers[layer];
        if (current.Produced > BombLimitBytes && current.Produced > _layers[_active - 1].Consumed * MaxRatio)
        {
            IsBomb = true;
            for (int i = 0; i < _active; i++)
            {
                _layers[i].Stop();
            }

            return;
        }

        Push(layer - 1, bytes);
    }

    private sealed class LayerSink(ContentDecoder owner, int layer) : IContentSink
    {
        public void OnContent(ReadOnlySpan<byte> bytes) => owner.OnLayer(layer, bytes);
    }
}
