/* Configuration and command line -> classifier options. */
#include "cli/settings.h"

#include "base/span.h"

#include <string.h>

static void put_models(const config *c, models_options *out)
{
    out->literal_zero = strcmp(c->absent_terms, "zero") == 0;
    out->named.path[MODELS_ANOMALY] = c->anomaly_onnx;
    out->named.path[MODELS_CLASSIFIER] = c->classifier_onnx;
    out->named.path[MODELS_SCALER] = c->scaler_path;
    out->named.path[MODELS_VECTORIZER] = c->vectorizer_path;
    config_engine(c, &out->engine);
}

/* Mixed mode is asked for by name, never by accident. */
static alf_status put_mixed(const config *c, models_options *out, alf_error *err)
{
    out->mixed = strcmp(c->model_type, "safe_ensemble") == 0;
    out->use_joblib[MODELS_TEXT] = !c->text_use_onnx;
    out->use_joblib[MODELS_DETECTOR] = !c->anomaly_use_onnx;
    out->fall_back = c->fallback_to_joblib;
    if (out->mixed || (c->text_use_onnx && c->anomaly_use_onnx && !c->fallback_to_joblib))
        return ALF_OK;
    return error_set(err, ALF_E_CONFIG,
                     "model.type is onnx_safe_ensemble, which runs ONNX files only, but %s; set "
                     "model.type: safe_ensemble, or remove that key",
                     !c->text_use_onnx      ? "model.tfidf_xgboost.use_onnx is false"
                     : !c->anomaly_use_onnx ? "model.anomaly_detector.use_onnx is false"
                                            : "model.fallback_to_joblib is true");
}

static alf_status put_profile(const char *name, models_options *out, alf_error *err)
{
    out->profile_given = name[0] != '\0';
    if (!out->profile_given || log_profile_from_name(span_from_string(name), &out->profile))
        return ALF_OK;
    return error_set(err, ALF_E_ARGUMENT, "--profile is \"%.50s\", expected pipeline or serving",
                     name);
}

alf_status settings_classifier(const config *c, const settings_options *given,
                               classifier_options *out, alf_error *err)
{
    classifier_options_init(out);
    out->bundle = given->model != NULL ? given->model : c->model_path;
    out->rules_path = given->rules != NULL ? given->rules : c->rules_path;
    if (out->rules_path[0] == '\0')
        out->rules_path = NULL;
    put_models(c, &out->models);
    out->ensemble.weight[COMPONENT_RULES] = c->weight_rules;
    out->ensemble.weight[COMPONENT_TEXT] = c->weight_text;
    out->ensemble.weight[COMPONENT_ANOMALY] = c->weight_anomaly;
    TRY(put_mixed(c, &out->models, err));
    TRY(config_choose_engine(given->engine, &out->models.engine, err));
    if (out->bundle[0] == '\0')
        return error_set(err, ALF_E_ARGUMENT,
                         "no model: give --model DIR, or model.path in the configuration, or "
                         "MODEL_PATH in the environment");
    return put_profile(given->profile != NULL ? given->profile : c->profile, &out->models, err);
}
