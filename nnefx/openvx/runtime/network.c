/* ---- What is the same for every net: creation, constants, inputs and outputs, release. ---- */

struct network {
    vx_context context;
    vx_graph graph;
    int owns_graph;
    vx_tensor tensor[TENSOR_COUNT + VIEW_COUNT + 1];
    vx_lut lut[LUT_COUNT + 1];
    vx_scalar scalar[SCALAR_COUNT + 1];
};

/* Where the stored numbers of constants come from: the blob beside the program, or arrays. */
struct source {
    FILE *file;
    void *buffer;
    size_t size;
};

const char *network_status_text(vx_status status)
{
    switch (status) {
    case VX_SUCCESS: return "success";
    case VX_ERROR_NOT_IMPLEMENTED: return "not implemented";
    case VX_ERROR_NOT_SUPPORTED: return "not supported";
    case VX_ERROR_NO_RESOURCES: return "no resources";
    case VX_ERROR_NO_MEMORY: return "no memory";
    case VX_ERROR_INVALID_PARAMETERS: return "invalid parameters";
    case VX_ERROR_INVALID_REFERENCE: return "invalid reference";
    case VX_ERROR_INVALID_FORMAT: return "the weight file is not the one of this net";
    case VX_ERROR_INVALID_DIMENSION: return "invalid dimension";
    case VX_ERROR_INVALID_VALUE: return "invalid value";
    case VX_ERROR_INVALID_TYPE: return "invalid type";
    case VX_ERROR_INVALID_GRAPH: return "invalid graph";
    default: return "failure";
    }
}

static size_t tensor_size(const struct tensor *entry)
{
    size_t i, size = item_size(entry->type);
    for (i = 0; i < entry->rank; i++)
        size *= entry->dims[i];
    return size;
}

/* Copy all of a tensor from or to memory of natural strides. */
static vx_status copy_tensor(network *net, int index, void *data, vx_enum usage)
{
    const struct tensor *entry = &tensors[index];
    return copy_all(net->tensor[index], entry->rank, entry->dims, entry->type, data, usage);
}

#ifdef NETWORK_EMBEDDED
static vx_status open_source(struct source *source, const char *path)
{
    (void)path;
    memset(source, 0, sizeof *source);
    return VX_SUCCESS;
}

static vx_status read_source(struct source *source, const struct payload *payload, void **data)
{
    union { const void *constant; void *plain; } pointer; /* vxCopyTensorPatch takes no const */
    (void)source;
    pointer.constant = payload->data;
    *data = pointer.plain;
    return VX_SUCCESS;
}
#else
static vx_status open_source(struct source *source, const char *path)
{
    unsigned char head[128];
    memset(source, 0, sizeof *source);
    source->file = fopen(path, "rb");
    if (!source->file)
        return VX_ERROR_INVALID_VALUE;
    if (fread(head, 1, sizeof head, source->file) != sizeof head)
        return VX_ERROR_INVALID_FORMAT;
    if (memcmp(head, "NNEFXVX\x1a", 8) != 0 || memcmp(head + 64, content_id, 32) != 0)
        return VX_ERROR_INVALID_FORMAT;
    return VX_SUCCESS;
}

static vx_status read_source(struct source *source, const struct payload *payload, void **data)
{
    if (source->size < payload->size) {
        void *buffer = realloc(source->buffer, payload->size);
        if (!buffer)
            return VX_ERROR_NO_MEMORY;
        source->buffer = buffer;
        source->size = payload->size;
    }
    *data = source->buffer;
    if (fseek(source->file, payload->offset, SEEK_SET) != 0)
        return VX_ERROR_INVALID_FORMAT;
    if (fread(source->buffer, 1, payload->size, source->file) != payload->size)
        return VX_ERROR_INVALID_FORMAT;
    return VX_SUCCESS;
}
#endif

static void close_source(struct source *source)
{
    if (source->file)
        fclose(source->file);
    free(source->buffer);
}

static vx_status create_tensor(network *net, int index, vx_tensor given)
{
    const struct tensor *entry = &tensors[index];
    vx_tensor tensor = given;
    vx_status status;
    if (given)
        status = vxRetainReference((vx_reference)given);
    else if (entry->role == IS_VIRTUAL)
        tensor = vxCreateVirtualTensor(net->graph, entry->rank, entry->dims, entry->type,
                                       entry->position);
    else
        tensor = vxCreateTensor(net->context, entry->rank, entry->dims, entry->type,
                                entry->position);
    status = check((vx_reference)tensor);
    if (status != VX_SUCCESS)
        return status;
    net->tensor[index] = tensor;
    if (entry->role == IS_PREFILLED)
        return fill_all(tensor, entry->rank, entry->dims, entry->type, entry->fill);
    return VX_SUCCESS;
}

static vx_status create_tensors(network *net, const vx_tensor *inputs, const vx_tensor *outputs)
{
    vx_status status = VX_SUCCESS;
    int i, input = 0, output = 0;
    for (i = 0; i < TENSOR_COUNT && status == VX_SUCCESS; i++) {
        vx_tensor given = NULL;
        if (inputs && tensors[i].role == IS_INPUT)
            given = inputs[input++];
        if (outputs && tensors[i].role == IS_OUTPUT)
            given = outputs[output_order[output++]];
        status = create_tensor(net, i, given);
    }
    for (i = 0; i < VIEW_COUNT && status == VX_SUCCESS; i++) {
        const struct view *entry = &views[i];
        vx_tensor view = vxCreateTensorFromView(net->tensor[entry->parent],
                                                tensors[entry->parent].rank, entry->start,
                                                entry->end);
        status = check((vx_reference)view);
        if (status == VX_SUCCESS)
            net->tensor[TENSOR_COUNT + i] = view;
    }
    return status;
}

static vx_status load_constants(network *net, struct source *source)
{
    vx_status status = VX_SUCCESS;
    void *data = NULL;
    int i;
    for (i = 0; i < PAYLOAD_COUNT && status == VX_SUCCESS; i++) {
        const struct payload *entry = &payloads[i];
        status = read_source(source, entry, &data);
        if (status != VX_SUCCESS)
            break;
        if (entry->is_lut) {
            vx_lut lut = vxCreateLUT(net->context, VX_TYPE_INT16, entry->size / 2);
            status = check((vx_reference)lut);
            if (status == VX_SUCCESS) {
                net->lut[entry->index] = lut;
                status = copy_lut(lut, VX_TYPE_INT16, entry->size / 2, data);
            }
        } else {
            status = copy_tensor(net, entry->index, data, VX_WRITE_ONLY);
        }
    }
    for (i = 0; i < SCALAR_COUNT && status == VX_SUCCESS; i++) {
        vx_float32 value = scalars[i];
        vx_scalar scalar = vxCreateScalar(net->context, VX_TYPE_FLOAT32, &value);
        status = check((vx_reference)scalar);
        if (status == VX_SUCCESS)
            net->scalar[i] = scalar;
    }
    return status;
}

vx_status network_add(vx_graph graph, const char *weights, const vx_tensor *inputs,
                      const vx_tensor *outputs, network **result)
{
    struct source source;
    vx_status status;
    network *net = calloc(1, sizeof *net);
    *result = NULL;
    if (!net)
        return VX_ERROR_NO_MEMORY;
    net->graph = graph;
    net->context = vxGetContext((vx_reference)graph);
    status = open_source(&source, weights);
    if (status == VX_SUCCESS)
        status = create_tensors(net, inputs, outputs);
    if (status == VX_SUCCESS)
        status = load_constants(net, &source);
    close_source(&source);
    if (status == VX_SUCCESS)
        status = add_nodes(net);
    if (status != VX_SUCCESS)
        network_release(&net);
    *result = net;
    return status;
}

vx_status network_create(vx_context context, const char *weights, network **result)
{
    vx_graph graph = vxCreateGraph(context);
    vx_status status = check((vx_reference)graph);
    *result = NULL;
    if (status != VX_SUCCESS)
        return status;
    status = network_add(graph, weights, NULL, NULL, result);
    if (status == VX_SUCCESS) {
        (*result)->owns_graph = 1;
        status = vxVerifyGraph(graph);
        if (status != VX_SUCCESS)
            network_release(result);
    } else {
        vxReleaseGraph(&graph);
    }
    return status;
}

vx_status network_process(network *net)
{
    return vxProcessGraph(net->graph);
}

vx_tensor network_tensor(network *net, const char *name)
{
    int i;
    for (i = 0; i < TENSOR_COUNT; i++)
        if (strcmp(tensors[i].source, name) == 0 || strcmp(tensors[i].label, name) == 0)
            return net->tensor[i];
    return NULL;
}

static double factor_of(const struct tensor *entry)
{
    return entry->scale * pow(2.0, entry->position);
}

vx_status network_write_input(network *net, size_t index, const float *values)
{
    int number = input_index[index];
    const struct tensor *entry = &tensors[number];
    size_t count = tensor_size(entry) / item_size(entry->type);
    void *data = malloc(tensor_size(entry));
    vx_status status;
    if (!data)
        return VX_ERROR_NO_MEMORY;
    status = store_all(data, entry->type, count, values, factor_of(entry));
    if (status == VX_SUCCESS)
        status = copy_tensor(net, number, data, VX_WRITE_ONLY);
    free(data);
    return status;
}

vx_status network_read_output(network *net, size_t index, float *values)
{
    int number = output_index[index];
    const struct tensor *entry = &tensors[number];
    size_t count = tensor_size(entry) / item_size(entry->type);
    void *data = malloc(tensor_size(entry));
    vx_status status;
    if (!data)
        return VX_ERROR_NO_MEMORY;
    status = copy_tensor(net, number, data, VX_READ_ONLY);
    if (status == VX_SUCCESS)
        status = load_all(data, entry->type, count, values, factor_of(entry));
    free(data);
    return status;
}

void network_release(network **handle)
{
    network *net = *handle;
    int i;
    *handle = NULL;
    if (!net)
        return;
    if (net->owns_graph)
        vxReleaseGraph(&net->graph);
    for (i = TENSOR_COUNT + VIEW_COUNT - 1; i >= 0; i--)
        if (net->tensor[i])
            vxReleaseTensor(&net->tensor[i]);
    for (i = 0; i < LUT_COUNT; i++)
        if (net->lut[i])
            vxReleaseLUT(&net->lut[i]);
    for (i = 0; i < SCALAR_COUNT; i++)
        if (net->scalar[i])
            vxReleaseScalar(&net->scalar[i]);
    free(net);
}
