namespace BridgeGuard.Engine.Compression;

/// <summary>A chain of content codings over one body: the last applied is taken off first. Reused from body to body.</summary>
internal sealed class ContentDecoder : IContentSink
{
    private readonly List<ContentLayer> _layers = [];
    private readonly List<LayerSink> _links = [];
    private IContentSink? _sink;
    private int _active;

    /// <summary>Decoded bytes that may come out of a chain before the ratio to its input is looked at.</summary>
    public long BombLimitBytes { get; set; } = 1 << 20;

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

    public void Reset()
    {
        for (int i = 0; i < _active; i++)
        {
            _layers[i].End();
        }

        _active = 0;
        IsBomb = false;
        _sink = null;
    }

    /// <summary>Adds the next coding in the order in which they were applied (header order).</summary>
    public void Add(ContentCoding coding)
    {
        if (_active == _layers.Count)
        {
            _layers.Add(new ContentLayer());
            _links.Add(new LayerSink(this, _active));
        }

        _layers[_active++].Begin(coding);
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
