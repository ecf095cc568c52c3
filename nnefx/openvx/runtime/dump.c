
/* ---- Looking into a net ---- */

static vx_status dump_tensor(network *net, int index, const char *folder)
{
    const struct tensor *entry = &tensors[index];
    size_t count = tensor_size(entry) / item_size(entry->type), length = strlen(folder), i;
    char *path = malloc(length + strlen(entry->source) + 6);
    float *values = malloc(count * sizeof *values);
    void *data = malloc(tensor_size(entry));
    vx_status status = path && values && data ? VX_SUCCESS : VX_ERROR_NO_MEMORY;
    FILE *file = NULL;
    if (status == VX_SUCCESS)
        status = copy_tensor(net, index, data, VX_READ_ONLY);
    if (status == VX_SUCCESS)
        status = load_all(data, entry->type, count, values, factor_of(entry));
    if (status == VX_SUCCESS) {
        sprintf(path, "%s/%s.raw", folder, entry->source);
        for (i = length + 1; path[i + 4]; i++)
            if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", path[i]))
                path[i] = '_';
        file = fopen(path, "wb");
        if (!file || fwrite(values, sizeof *values, count, file) != count)
            status = VX_FAILURE;
        if (file && fclose(file) != 0)
            status = VX_FAILURE;
    }
    free(path);
    free(values);
    free(data);
    return status;
}

vx_status network_dump(network *net, const char *folder)
{
    vx_status status = VX_SUCCESS;
    int i;
    for (i = 0; i < TENSOR_COUNT && status == VX_SUCCESS; i++)
        if (tensors[i].role != IS_VIRTUAL && tensors[i].role != IS_CONST)
            status = dump_tensor(net, i, folder);
    return status;
}
